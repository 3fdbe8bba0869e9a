//! Gatehouse's own configuration and keys: `gatehouse:host/configuration`, and the server keys among the settings.

mod bindings;
mod configuration;
mod server_keys;

pub use configuration::{authorization_server, gateway, needs, only_route, piece, route, secret};
pub use server_keys::server_keys;
pub use shell_settings::SettingsError;

#[doc(hidden)]
pub use bindings::gatehouse::host;
