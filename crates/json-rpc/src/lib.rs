//! What the gateway understands of JSON-RPC 2.0 and MCP messages, strictly parsed and never rebuilt where they are not changed.
