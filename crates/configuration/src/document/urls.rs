//! Where Gatehouse is reached, and which origins and schemes are allowed: `public_url`, `allowed_origins` and
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

pub(super) fn private_use_schemes(schemes: &[String]) -> Result<Vec<PrivateUseScheme>, ConfigurationError> {
    let check = |(index, scheme): (usize, &String)| {
        PrivateUseScheme::parse(scheme).map_err(|error| {
            problem(format!("private_use_schemes[{index}]"), error, r#"private_use_schemes = ["cursor"]"#)
        })
    };
    unique("private_use_schemes", "", schemes.iter().map(String::as_str))?;
    schemes.iter().enumerate().map(check).collect()
}
