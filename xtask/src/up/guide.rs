//! What the user reads once the demo runs.

use std::path::Path;

use super::demo::Addresses;

/// How to use the demo at `addresses`, whose data lies in `folder`.
pub fn text(addresses: Addresses, folder: &Path) -> String {
    let gatehouse = addresses.gatehouse();
    let identity_provider = addresses.identity_provider();
    let mcp_server = addresses.mcp_server();
    let url = mcp_url(addresses);
    let folder = folder.display();
    format!(
        r#"
Gatehouse is running, in front of the demo MCP server. Connect any MCP client to

    {url}
    {url}/sse   (clients of 2024-11-05: SSE)

The client opens your browser; there you allow it, and sign in as any user (the demo identity provider asks for no password).

MCP Inspector, in the browser       npx @modelcontextprotocol/inspector@2
                                    (transport: Streamable HTTP, URL: {url})
MCP Inspector, on the command line  MCP_AUTO_OPEN_ENABLED=true npx @modelcontextprotocol/inspector@2 --cli {url} --transport http --method tools/list
                                    (both need Node.js 22.19 or newer)
VS Code                             code --add-mcp '{{"name":"gatehouse-demo","type":"http","url":"{url}"}}'
Claude Code                         claude mcp add --transport http gatehouse-demo {url}
                                    (then, in claude: /mcp)
curl, the metadata                  curl http://{gatehouse}/.well-known/oauth-protected-resource/mcp
curl, without a token: 401          curl -i -X POST {url} -H 'content-type: application/json' -d '{{}}'

Gatehouse                http://{gatehouse}
Demo identity provider   http://{identity_provider}   (for development only)
Demo MCP server          http://{mcp_server}/mcp   (listens to Gatehouse only; it has no sign-in of its own)
Data                     {folder}   (stores, server keys, secrets; delete it to start afresh)
Logs                     {folder}/*.log
Your own MCP server      cargo xtask up --upstream URL   (and --issuer URL --client-id ID: your own identity provider)

Press Ctrl-C to stop all three."#
    )
}

/// The URL that MCP clients connect to.
pub fn mcp_url(addresses: Addresses) -> String {
    format!("http://{}/mcp", addresses.gatehouse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_has_the_chosen_ports_and_json_that_a_shell_passes_on() {
        let guide = text(Addresses::from_base(4000).unwrap(), Path::new("/r/.gatehouse"));
        assert!(guide.contains("claude mcp add --transport http gatehouse-demo http://127.0.0.1:4000/mcp\n"));
        assert!(
            guide.contains(
                r#"code --add-mcp '{"name":"gatehouse-demo","type":"http","url":"http://127.0.0.1:4000/mcp"}'"#
            )
        );
        assert!(guide.contains("http://127.0.0.1:4001 ") && guide.contains("http://127.0.0.1:4002/mcp "));
        assert!(guide.contains("/r/.gatehouse"));
        assert!(!guide.contains(":3000"));
    }
}
