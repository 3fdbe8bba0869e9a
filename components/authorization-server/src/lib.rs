//! authorization-server
