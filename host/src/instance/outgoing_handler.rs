//! `wasi:http/outgoing-handler`: where a guest wants to go is held against `allowed_outbound_hosts`, then sent.

use std::sync::Arc;

use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::client_presence::{ClientPresence, SHORT_REQUEST};
use super::components::Components;
use super::exchange::{ExchangeInProgress, error_word};
use super::grants::Grants;
use super::upstream_body::UpstreamBody;
use crate::connection_headers::remove_named_by_connection;
use crate::log::{Level, LogRecord, RequestId};
use crate::outbound::{OutboundSender, Permission, TimeLimits};

/// A guest's way out: checks where it wants to go, then sends. What may last is ended when the guest's client has gone.
pub(crate) struct OutboundHooks {
    pub(crate) grants: Arc<Grants>,
    pub(crate) sender: OutboundSender,
    pub(crate) components: Arc<dyn Components>,
    pub(crate) request: RequestId,
    pub(crate) client: ClientPresence,
}

/// Whether a request ends soon by itself.
fn is_short(options: &RequestOptions) -> bool {
    [options.connect_timeout, options.first_byte_timeout, options.between_bytes_timeout]
        .iter()
        .all(|limit| limit.is_some_and(|limit| limit <= SHORT_REQUEST))
}

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for OutboundHooks {
    /// The pool sets it where the protocol has it: HTTP/2 has `:authority` instead.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (grants, about, mut client) = (Arc::clone(&self.grants), self.request, self.client.clone());
        let (sender, components) = (self.sender.clone(), Arc::clone(&self.components));
        Box::new(async move {
            let destination = destination(request.uri());
            let warn = |message: String| {
                grants.log.record(&LogRecord::about(about, Level::Warn, Some(&grants.component), message));
            };
            let permission = grants.allowed_outbound_hosts.permission(request.uri());
            if permission == Permission::Denied {
                warn(format!("request to {destination} denied: it is not in allowed_outbound_hosts"));
                return Err(Error::HttpRequestDenied);
            }
            let options = options.unwrap_or_default();
            let to_component = permission == Permission::Component;
            client.asks(to_component);
            // Another component may run the code of users, and is ended with its caller.
            let is_short = !to_component && is_short(&options);
            let under_way = if is_short { client.short_request() } else { None };
            let exchange =
                grants.measuring.as_ref().map(|measuring| ExchangeInProgress::begin(measuring, about, &request));
            let sending = async {
                if to_component {
                    let limits = TimeLimits::of(&options);
                    limits.keep(limits.first_byte, components.call(request)).await
                } else {
                    sender.send(request, permission, options).await
                }
            };
            let sent = if under_way.is_some() {
                sending.await
            } else {
                tokio::select! {
                    sent = sending => sent,
                    // Nobody waits for it any more. Dropping it closes its connection.
                    () = client.disconnected() => {
                        if let Some(exchange) = exchange {
                            exchange.ended(None, Some("client-gone"));
                        }
                        return Err(Error::ConnectionTerminated);
                    }
                }
            };
            if let Some(exchange) = exchange {
                let status = sent.as_ref().ok().map(|response| response.status().as_u16());
                exchange.ended(status, sent.as_ref().err().map(error_word));
            }
            match sent {
                Ok(mut response) => {
                    remove_named_by_connection(response.headers_mut());
                    let response = response.map(|body| UpstreamBody::new(body, client, under_way).boxed_unsync());
                    Ok((response, Box::new(async { Ok(()) }) as Box<_>))
                }
                Err(error) => {
                    warn(format!("request to {destination} failed: {error}"));
                    Err(error)
                }
            }
        })
    }
}

/// Scheme, host and port: a path or a user part may hold what the log must not.
fn destination(uri: &Uri) -> String {
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", uri.scheme_str().unwrap_or("?"), uri.host().unwrap_or("?"))
}
