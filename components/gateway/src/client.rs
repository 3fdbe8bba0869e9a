//! The answer on its way to the client.

use gatehouse_gateway::answer::{ClientConnection, ClientGone, ClientResponse, ClientStream};
use http::{HeaderMap, Response, StatusCode};
use shell_http::Milliseconds;
use shell_http::inbound::{self, Writer};
use wasip2::http::types::ResponseOutparam;

use crate::context::RequestContext;

/// Where the answer to the request goes.
pub(crate) struct Client(pub(crate) ResponseOutparam);

/// An answer whose head has been sent.
pub(crate) struct Stream(Writer);

impl ClientConnection for Client {
    type Stream = Stream;

    fn open(self, status: StatusCode, headers: &HeaderMap, time: Milliseconds) -> Option<Stream> {
        Writer::open(self.0, status, headers).map(|writer| Stream(writer.at_most(time)))
    }

    fn respond(self, response: Response<Vec<u8>>) {
        inbound::respond(self.0, response);
    }
}

impl ClientStream for Stream {
    fn write(&mut self, bytes: &[u8]) -> Result<(), ClientGone> {
        self.0.write(bytes).map_err(|_| ClientGone)
    }

    fn has_client(&self) -> bool {
        self.0.has_reader()
    }

    fn finish(self) {
        self.0.finish();
    }
}

/// An answer of ours that may become a stream of events.
pub(crate) fn own_response(context: &RequestContext<'_>, out: ResponseOutparam) -> ClientResponse<Client> {
    let headers = context.returned(&HeaderMap::new(), None, true);
    ClientResponse::new(Client(out), headers, context.deadline())
}
