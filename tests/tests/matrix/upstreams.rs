//! The servers: one program for each transport and era, each with a route of its own.

use gatehouse_tests::Program;

/// A real server.
pub(crate) struct Upstream {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// Its route.
    pub(crate) path: &'static str,
    program: &'static [&'static str],
    /// Whether it speaks HTTP+SSE (2024-11-05), and not Streamable HTTP.
    pub(crate) events: bool,
    /// Whether it has sessions.
    pub(crate) legacy: bool,
    /// Whether it speaks 2026-07-28.
    pub(crate) modern: bool,
    /// Whether it notifies outside of requests.
    pub(crate) announces: bool,
}

/// The columns of the table.
#[rustfmt::skip]
pub(crate) static UPSTREAMS: [Upstream; 7] = [
    Upstream {
        name: "2024-11-05, HTTP+SSE (TypeScript SDK 1.32)", path: "/events",
        program: &["server-legacy.mjs", "--transport", "sse", "--protocol-version", "2024-11-05"],
        events: true, legacy: true, modern: false, announces: true,
    },
    Upstream {
        name: "HTTP+SSE (Python SDK 2.3)", path: "/python-events",
        program: &["python_server.py", "--transport", "sse"],
        events: true, legacy: true, modern: false, announces: false,
    },
    Upstream {
        name: "2025-03-26 (TypeScript SDK 1.32)", path: "/2025-03-26",
        program: &["server-legacy.mjs", "--protocol-version", "2025-03-26"],
        events: false, legacy: true, modern: false, announces: true,
    },
    Upstream {
        name: "2025-11-25 (TypeScript SDK 1.32)", path: "/2025-11-25",
        program: &["server-legacy.mjs", "--protocol-version", "2025-11-25"],
        events: false, legacy: true, modern: false, announces: true,
    },
    Upstream {
        name: "2026-07-28 only (TypeScript SDK 2.4)", path: "/2026-07-28",
        program: &["server-modern.mjs"],
        events: false, legacy: false, modern: true, announces: true,
    },
    Upstream {
        name: "both eras (TypeScript SDK 2.4)", path: "/both",
        program: &["server-modern.mjs", "--both-eras"],
        events: false, legacy: true, modern: true, announces: true,
    },
    Upstream {
        name: "both eras (Python SDK 2.3)", path: "/python",
        program: &["python_server.py"],
        events: false, legacy: true, modern: true, announces: false,
    },
];

/// All of them, running.
pub(crate) struct Upstreams(Vec<(Program, String)>);

impl Upstreams {
    pub(crate) async fn start() -> Self {
        let mut running = Vec::new();
        for upstream in &UPSTREAMS {
            let (program, arguments) = upstream.program.split_first().expect("a program");
            running.push((Program::client(program, arguments), String::new()));
        }
        for (program, url) in &mut running {
            *url = program.json().await["url"].as_str().expect("a URL").to_owned();
        }
        Self(running)
    }

    /// A route for each.
    pub(crate) fn routes(&self) -> String {
        let route = |(upstream, (_, url)): (&Upstream, &(Program, String))| {
            let transport = if upstream.events { "sse" } else { "streamable-http" };
            let path = upstream.path;
            format!(
                "\n[[routes]]\npath = \"{path}\"\nurl = \"{url}\"\ntransport = \"{transport}\"\nscopes = [\"mcp\"]\n"
            )
        };
        UPSTREAMS.iter().zip(&self.0).map(route).collect()
    }
}
