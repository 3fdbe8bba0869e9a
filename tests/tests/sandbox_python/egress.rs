//! urllib.request, before servers of the test's own: what goes out, what comes back, and what does neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gatehouse_tests::{Received, serve};
use http::{Response, StatusCode};
use sandbox_egress::{Egress, Origin};
use sandbox_run::{Limit, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::interpreter::{Interpreter, Kept, LIMITS, Ran};

/// A server, which counts its requests.
struct Server {
    origin: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Answers with what it has got, or as the path says; `/away` leads to `away`.
    async fn start(away: &str) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let (counted, away) = (Arc::clone(&requests), away.to_owned());
        let origin = serve(move |received| {
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer(&received, &away);
            async move { Some(answer) }
        })
        .await;
        Self { origin, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn answer(received: &Received, away: &str) -> Response<Bytes> {
    let Received { method, path, query, body, .. } = received;
    let of = |name| received.header(name);
    let said = format!(
        "{method} {path}?{query} key={} type={} secret={} {}",
        of("x-key"),
        of("content-type"),
        of("authorization"),
        String::from_utf8_lossy(body)
    );
    let mut response = Response::new(Bytes::from(said));
    let mut redirect = |location: String| {
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert("location", location.parse().expect("a header"));
    };
    match path.as_str() {
        "/moved" => redirect("/here".to_owned()),
        "/away" => redirect(format!("{away}/secret")),
        "/loop" => redirect(format!("/loop?{query}x")),
        "/missing" => *response.status_mut() = StatusCode::NOT_FOUND,
        "/large" => {
            let bytes = query.parse().expect("a number");
            *response.body_mut() = Bytes::from(vec![b'x'; bytes]);
        }
        _ => {}
    }
    response.headers_mut().insert("set-cookie", http::HeaderValue::from_static("c=1"));
    response
}

/// A server whose answers begin and never end; it counts its connections.
async fn endless() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut bytes = [0; 1024];
                let _asked = stream.read(&mut bytes).await;
                let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nbegun").await;
                // Until the client goes.
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    Server { origin, requests }
}

fn egress(servers: &[&Server]) -> Egress {
    let hosts = servers.iter().map(|server| Origin::parse(&server.origin).expect("an origin")).collect();
    Egress { hosts, requests: 20, request_bytes: 1000, answer_bytes: 1000 }
}

async fn run(python: &Interpreter, egress: Egress, code: &str) -> Ran {
    let code =
        format!("import urllib.request, urllib.error, json\nfrom urllib.request import urlopen, Request\n{code}");
    python.run_before(&code, &Kept::default(), LIMITS, egress).await
}

/// Programs, with `ORIGIN` for the server, and what they print.
const PROGRAMS: [(&str, &str); 12] = [
    (
        "with urlopen('ORIGIN/a?b#c') as r: print(r.status, r.reason, r.read().decode())",
        "200 OK GET /a?b key= type= secret= \n",
    ),
    (
        "r = urlopen('ORIGIN/a'); print(r.headers['Set-Cookie'], r.getheader('x-none', 'none'), r.url == 'ORIGIN/a')",
        "c=1 none True\n",
    ),
    (
        "print(urlopen(Request('ORIGIN/p', data=b'a=1', headers={'X-Key': 'k'})).read().decode())",
        "POST /p? key=k type=application/x-www-form-urlencoded secret= a=1\n",
    ),
    (
        "print(urlopen(Request('ORIGIN/p', method='PUT', data=iter([b'x', b'y']), headers={'Content-Type': 't/p'})).read().decode())",
        "PUT /p? key= type=t/p secret= xy\n",
    ),
    ("print(urlopen(Request('ORIGIN/p', method='DELETE')).read().decode())", "DELETE /p? key= type= secret= \n"),
    (
        "r = urlopen(Request('ORIGIN/p', method='HEAD')); print(r.status, r.read(), int(r.headers['content-length']) > 9)",
        "200 b'' True\n",
    ),
    (
        "try: urlopen('ORIGIN/missing')\nexcept urllib.error.HTTPError as e: print(e.code, e.reason, e.read().decode())",
        "404 Not Found GET /missing? key= type= secret= \n",
    ),
    (
        "r = urlopen(Request('ORIGIN/moved', headers={'Authorization': 's'})); print(r.url == 'ORIGIN/here', r.read().decode())",
        "True GET /here? key= type= secret=s\n",
    ),
    (
        "o = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())\nfor _ in 'ab': print(o.open('ORIGIN/c').status)",
        "200\n200\n",
    ),
    ("print(len(urlopen('ORIGIN/large?1000').read()), sum(1 for _ in urlopen('ORIGIN/a')))", "1000 1\n"),
    ("urllib.request.urlretrieve('ORIGIN/a', 'f'); print(open('f').read())", "GET /a? key= type= secret= \n"),
    ("print(urlopen('ORIGIN/ü?q=ä').read().decode())", "GET /%C3%BC?q=%C3%A4 key= type= secret= \n"),
];

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_and_post_as_they_do_elsewhere() {
    let server = Server::start("http://127.0.0.1:1").await;
    let python = Interpreter::start_before(std::slice::from_ref(&server.origin)).await;
    for (code, printed) in PROGRAMS {
        let ran = run(&python, egress(&[&server]), &code.replace("ORIGIN", &server.origin)).await;
        assert_eq!(
            ran.printed().split_whitespace().collect::<Vec<_>>(),
            printed.split_whitespace().collect::<Vec<_>>(),
            "{code}"
        );
    }
}

/// Programs, with `ORIGIN` for the server and `OTHER` for one that it redirects to, which is named as well, and what they print.
const BESIDE_A_PROXY: [(&str, &str); 5] = [
    ("print(urlopen(Request('ORIGIN/away', headers=KEY)).read().decode())", "GET /secret? key= type= secret= \n"),
    (
        "import os\nos.environ['http_proxy'] = 'OTHER'\nprint(urlopen(Request('ORIGIN/away', headers=KEY)).read().decode())",
        "GET /secret? key= type= secret= \n",
    ),
    (
        "r = Request('ORIGIN/away', headers=KEY)\nr.set_proxy('OTHER'.split('/')[-1], 'http')\nprint(urlopen(r).read().decode())",
        "GET /secret? key= type= secret= \n",
    ),
    (
        "o = urllib.request.build_opener(urllib.request.ProxyHandler({'http': 'OTHER'}))\n\
         print(o.open(Request('ORIGIN/away', headers=KEY)).read().decode())",
        "GET /secret? key= type= secret= \n",
    ),
    (
        "import os\nos.environ['http_proxy'] = 'OTHER'\nprint(urlopen(Request('ORIGIN/moved', headers=KEY)).read().decode())",
        "GET /here? key= type= secret=s\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_not_asked_and_credentials_do_not_go_where_it_is_said_to_be() {
    let other = Server::start("http://127.0.0.1:1").await;
    let server = Server::start(&other.origin).await;
    let python = Interpreter::start_before(&[server.origin.clone(), other.origin.clone()]).await;
    for (code, printed) in BESIDE_A_PROXY {
        let code = code.replace("ORIGIN", &server.origin).replace("OTHER", &other.origin);
        let ran = run(&python, egress(&[&server, &other]), &format!("KEY = {{'Authorization': 's'}}\n{code}")).await;
        assert_eq!(
            ran.printed().split_whitespace().collect::<Vec<_>>(),
            printed.split_whitespace().collect::<Vec<_>>(),
            "{code}"
        );
    }
    assert_eq!((server.requests(), other.requests()), (6, 4), "what each was asked for itself");
}

/// Programs, with `ORIGIN` for the server and `OTHER` for one that is not named, and the last line that they write.
const REFUSED: [(&str, &str); 13] = [
    ("urlopen('OTHER/')", "egress to OTHER is not allowed here: settings egress.hosts does not name it>"),
    ("urlopen('ORIGIN/away')", "egress to OTHER is not allowed here"),
    ("urlopen('https://example.com/')", "egress to https://example.com is not allowed here"),
    ("urlopen('http://localhost/')", "egress to http://localhost is not allowed here"),
    ("urlopen('http://shell.spin.internal/run')", "(*.spin.internal) are not reached by egress"),
    ("urlopen('ORIGIN@OTHER/'.replace('@http://', '@'))", "must not have a user"),
    ("urlopen(Request('ORIGIN/', headers={'Host': 'internal.example'}))", "the header Host cannot be sent"),
    ("urlopen(Request('ORIGIN/', headers={'X': 'a\\r\\nHost: b'}))", "the header X cannot be sent"),
    ("urlopen(Request('ORIGIN/', method='TRACE'))", "the method is none of"),
    ("urlopen('ORIGIN/', data=bytes(1001))", "more than 1000 bytes: settings egress.request_bytes"),
    (
        "from wit_world.imports import egress\negress.fetch(egress.Request('GET', 'OTHER/', [], b'', None))",
        "egress to OTHER is not allowed here",
    ),
    // The list is not where a program could write.
    (
        "import sandbox_egress, wit_world.imports.egress as e\nsandbox_egress.egress = e\nsandbox_egress.SAID_ELSEWHERE = set()\n\
         e.fetch(e.Request('POST', 'OTHER/run', [('Host', b'OTHER')], b'', 4294967295))",
        "egress to OTHER is not allowed here",
    ),
    (
        "import http.client\nhttp.client.HTTPConnection('127.0.0.1', int('ORIGIN'.rsplit(':')[-1])).request('GET', '/')",
        "Name does not resolve",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leads_to_a_host_that_is_not_named_and_the_error_says_why() {
    let other = Server::start("http://127.0.0.1:1").await;
    let server = Server::start(&other.origin).await;
    // The host lets everything out: the run alone is what refuses.
    let python = Interpreter::start_before(&[server.origin.clone(), other.origin.clone()]).await;
    for (code, said) in REFUSED {
        let filled = |text: &str| text.replace("ORIGIN", &server.origin).replace("OTHER", &other.origin);
        let ran = run(&python, egress(&[&server]), &filled(code)).await;
        assert_eq!(ran.outcome().exit_code, 1, "{code}: {} {}", ran.stdout, ran.stderr);
        let last = ran.stderr.trim_end().lines().last().unwrap_or_default();
        assert!(last.contains(&filled(said)), "{code}: {}", ran.stderr);
    }
    assert_eq!(other.requests(), 0);
    assert_eq!(server.requests(), 1, "the one that redirects");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_egress_or_without_the_host_nothing_is_connected_to() {
    let server = Server::start("http://127.0.0.1:1").await;
    let code = format!("urlopen('{}/')", server.origin);
    let open = Interpreter::start_before(std::slice::from_ref(&server.origin)).await;
    let ran = run(&open, Egress::off(), &code).await;
    assert!(
        ran.stderr.contains("URLError: <urlopen error egress is off here: settings egress.hosts names no host>"),
        "{}",
        ran.stderr
    );
    let closed = Interpreter::start().await;
    let ran = run(&closed, egress(&[&server]), &code).await;
    assert!(ran.stderr.contains("the host of this sandbox does not allow a connection"), "{}", ran.stderr);
    assert_eq!(server.requests(), 0);
    assert_eq!(run(&open, egress(&[&server]), &code).await.outcome().exit_code, 0);
    assert_eq!(server.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_requests_and_redirects_have_their_limits() {
    let server = Server::start("http://127.0.0.1:1").await;
    let python = Interpreter::start_before(std::slice::from_ref(&server.origin)).await;
    let origin = &server.origin;
    let ran = run(&python, egress(&[&server]), &format!("urlopen('{origin}/large?1001')")).await;
    assert!(ran.stderr.contains("the answer has more than 1000 bytes: settings egress.answer_bytes"), "{}", ran.stderr);
    let three = Egress { requests: 3, ..egress(&[&server]) };
    let before = server.requests();
    let ran = run(&python, three, &format!("for n in range(9):\n    print(n)\n    urlopen('{origin}/')")).await;
    assert!(
        ran.stdout == "0\n1\n2\n3\n" && ran.stderr.contains("has made its 3 requests"),
        "{} {}",
        ran.stdout,
        ran.stderr
    );
    assert_eq!(server.requests() - before, 3);
    let before = server.requests();
    let ran = run(&python, egress(&[&server]), &format!("urlopen('{origin}/loop')")).await;
    assert!(ran.stderr.contains("HTTPError: HTTP Error 302"), "{}", ran.stderr);
    assert_eq!(server.requests() - before, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_ends_ends_with_its_own_time_or_with_that_of_the_run() {
    let server = endless().await;
    let python = Interpreter::start_before(std::slice::from_ref(&server.origin)).await;
    let url = format!("{}/", server.origin);
    let code = format!(
        "try: urlopen('{url}', timeout=0.3)\nexcept urllib.error.URLError as e: print(type(e.reason).__name__, e.reason)"
    );
    let ran = run(&python, egress(&[&server]), &code).await;
    assert_eq!(ran.printed(), "TimeoutError there was no whole answer in time\n");
    let limits = Limits { seconds: 2, ..LIMITS };
    let code =
        format!("import urllib.request\nfor n in range(3): print(n)\nurllib.request.urlopen('{url}')\nprint('never')");
    let ran = python.run_before(&code, &Kept::default(), limits, egress(&[&server])).await;
    assert_eq!((ran.outcome().limit, ran.stdout.as_str()), (Some(Limit::Time), "0\n1\n2\n"));
    assert!(ran.took >= Duration::from_secs(2) && ran.took < Duration::from_secs(6), "{:?}", ran.took);
    assert!(ran.first_output.is_some_and(|first| first < Duration::from_millis(1900)), "{:?}", ran.first_output);
    assert_eq!(server.requests(), 2);
}
