//! `gatehouse doctor`: asks what a configuration names, and says what is wrong there and what to do.

pub(crate) mod client;
mod clock;
mod connection;
mod event;
mod findings;
mod provider;
mod public_url;
mod rest_api;
mod secrets;
mod server;
mod token_endpoint;
mod token_service;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use gatehouse_configuration::Configuration;
use gatehouse_host::VariableSources;

use crate::variable::parse_variable;
pub(crate) use client::HttpClient;
pub(crate) use findings::Findings;
pub(crate) use provider::{examine as examine_provider, further_hosts};
pub(crate) use secrets::Secrets;

#[derive(Args)]
pub(crate) struct Doctor {
    /// The configuration document, TOML or JSON
    #[arg(value_name = "CONFIG")]
    configuration: PathBuf,
    /// A secret that the configuration names, as `gatehouse up` takes it: NAME=@FILE; the environment's SPIN_VARIABLE_NAME
    /// counts as well. Without it, what needs it is left out
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Trust these certificate authorities (PEM) besides the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Says what it finds on standard output. The status is 1 where something is wrong.
pub(crate) fn run(doctor: &Doctor) -> Result<ExitCode> {
    let file = doctor.configuration.display();
    let text = fs::read_to_string(&doctor.configuration).with_context(|| format!("cannot read {file}"))?;
    let configuration = Configuration::parse(&text).with_context(|| file.to_string())?;
    let mut secrets = VariableSources::from_environment().environment;
    for variable in &doctor.variables {
        let (name, value) = parse_variable(variable)?;
        secrets.insert(name, value);
    }
    let client = HttpClient::new(doctor.ca_file.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let findings = runtime.block_on(examine(&client, &configuration, &Secrets::new(secrets)));
    print!("{findings}");
    Ok(if findings.nothing_is_wrong() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(client: &HttpClient, configuration: &Configuration, secrets: &Secrets) -> Findings {
    let mut findings = Findings::default();
    for provider in &configuration.authorization_server.identity_providers {
        provider::examine(client, configuration, provider, secrets, &mut findings).await;
    }
    for service in &configuration.authorization_server.token_services {
        token_service::examine(client, service, secrets, &mut findings).await;
    }
    for connection in &configuration.authorization_server.connections {
        connection::examine(client, configuration, connection, secrets, &mut findings).await;
    }
    for route in &configuration.routes {
        for upstream in route.upstreams() {
            server::examine(client, configuration, route, upstream, secrets, &mut findings).await;
        }
    }
    public_url::examine(client, configuration, &mut findings).await;
    findings
}

#[cfg(test)]
mod tests;
