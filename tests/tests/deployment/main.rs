//! What operators deploy (`deploy/`, the archive's Containerfile): every file is loaded by the program that reads it, or checked against
//! the schema that its makers have published, and says the same as the program that it starts.

mod containerfile;
mod filled;
mod program;
mod resources;
mod runtime_config;
mod systemd;
mod template;
