//! Several MCP servers as one: names, plans, merged answers.
