//! A component that sends each request on to one server and answers what that answers: the least that anything behind a host
//! of components can cost, which `cargo xtask bench` compares Gatehouse with.

#![allow(unsafe_code, reason = "the code that the SDK generates needs it")]

use anyhow::Context as _;
use spin_sdk::http::{IntoResponse, Method, Request, Response};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: Request) -> anyhow::Result<impl IntoResponse> {
    let server = server().context("reading the server's address")?;
    let onward = Request::builder()
        .method(Method::Post)
        .uri(server)
        .header("content-type", "application/json")
        .body(request.into_body())
        .build();
    let answer: Response = spin_sdk::http::send(onward).await.context("asking the server")?;
    Ok(Response::builder()
        .status(*answer.status())
        .header("content-type", "application/json")
        .body(answer.into_body())
        .build())
}

/// The server's address: a variable of Spin.
#[cfg(not(feature = "environment"))]
fn server() -> anyhow::Result<String> {
    Ok(spin_sdk::variables::get("server")?)
}

/// The server's address.
#[cfg(feature = "environment")]
fn server() -> anyhow::Result<String> {
    Ok(std::env::var("SERVER")?)
}
