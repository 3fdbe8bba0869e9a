//! What a NATS with JetStream holds, as another program asks for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// The value of a key in a bucket of the NATS at this port; `None` where it has none.
pub(crate) async fn value(port: u16, bucket: &str, key: &str) -> Option<Vec<u8>> {
    let question = json!({ "last_by_subj": format!("$KV.{bucket}.{key}") }).to_string();
    let answer = ask(port, &format!("$JS.API.STREAM.MSG.GET.KV_{bucket}"), &question).await;
    let data = answer["message"]["data"].as_str()?;
    Some(STANDARD.decode(data).expect("base64"))
}

/// What the server answers to a request at this subject.
async fn ask(port: u16, subject: &str, question: &str) -> Value {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.expect("NATS listens"));
    let length = question.len();
    let commands =
        format!("CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer {length}\r\n{question}\r\n");
    stream.write_all(commands.as_bytes()).await.expect("NATS reads");
    loop {
        let mut line = String::new();
        let read = stream.read_line(&mut line).await.expect("NATS answers");
        assert_ne!(read, 0, "NATS has closed the connection");
        if let Some(length) = line.strip_prefix("MSG answer 1 ") {
            let mut payload = vec![0; length.trim_end().parse().expect("a length")];
            stream.read_exact(&mut payload).await.expect("NATS answers");
            return serde_json::from_slice(&payload).expect("JSON");
        }
        assert!(!line.starts_with("-ERR"), "{line}");
    }
}
