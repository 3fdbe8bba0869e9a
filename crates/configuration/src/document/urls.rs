//! Where Gatehouse is reached, and which origins and schemes are allowed: `public_url`, `allowed_origins`, `applications` and
//! `private_use_schemes`.

use gatehouse_protocol::{PrivateUseScheme, WebOrigin};

use super::values::unique;
use crate::error::problem;
use crate::{AllowedOrigins, ConfigurationError};

pub(super) fn public_url(text: &str) -> Result<WebOrigin, ConfigurationError> {
    WebOrigin::parse(text)
        .map_err(|error| problem("public_url", error, r#"public_url = "https://gateway.example.com""#))
}

pub(super) fn allowed_origins(origins: Vec<String>) -> Result<AllowedOrigins, ConfigurationError> {
    if origins.iter().any(|origin| origin == "*") {
        if origins.len() > 1 {
            let text = "lists other origins beside \"*\", which is every page: write \"*\" alone, or the origins alone";
            return Err(problem("allowed_origins", text, r#"allowed_origins = ["http://localhost:6274"]"#));
        }
        return Ok(AllowedOrigins::Any);
    }
    let check = |(index, origin): (usize, &String)| {
        WebOrigin::parse(origin).map_err(|error| {
            problem(format!("allowed_origins[{index}]"), error, r#"allowed_origins = ["http://localhost:6274"]"#)
        })
    };
    Ok(AllowedOrigins::These(origins.iter().enumerate().map(check).collect::<Result<_, _>>()?))
}

/// Applications that were seen to register a redirect URI with a private-use scheme, which is their name here:
///
/// * Cursor: `cursor://anysphere.cursor-mcp/oauth/callback`.
/// * Extensions of VS Code and of VS Code Insiders, with the scheme of the editor that they run in. Cline:
///   `vscode://saoudrizwan.claude-dev/mcp-auth/callback/HASH`.
/// * Warp: `warp://mcp/oauth2callback`.
///
/// VS Code itself, Windsurf, Zed, Kiro, Claude and Codex have https or loopback redirect URIs.
const APPLICATIONS: [&str; 4] = ["cursor", "vscode", "vscode-insiders", "warp"];

/// The schemes of `applications`, and the further `schemes`.
pub(super) fn private_use_schemes(
    applications: &[String],
    schemes: &[String],
) -> Result<Vec<PrivateUseScheme>, ConfigurationError> {
    if let Some(index) = applications.iter().position(|name| !APPLICATIONS.contains(&name.as_str())) {
        let text = "must be cursor, vscode, vscode-insiders or warp; private_use_schemes can have the scheme of any other \
                    application";
        return Err(problem(format!("applications[{index}]"), text, r#"applications = ["cursor"]"#));
    }
    unique("applications", "", applications.iter().map(String::as_str))?;
    let check = |(index, scheme): (usize, &String)| {
        PrivateUseScheme::parse(scheme).map_err(|error| {
            problem(format!("private_use_schemes[{index}]"), error, r#"private_use_schemes = ["cursor"]"#)
        })
    };
    unique("private_use_schemes", "", schemes.iter().map(String::as_str))?;
    let mut allowed: Vec<_> = schemes.iter().enumerate().map(check).collect::<Result<_, _>>()?;
    for application in applications.iter().filter_map(|name| PrivateUseScheme::parse(name).ok()) {
        if !allowed.contains(&application) {
            allowed.push(application);
        }
    }
    Ok(allowed)
}
