//! Hosts of client documents that send a byte now and then, and never come to an end.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Each port counts as a host of its own.
const HOSTS: usize = 50;
/// Between two bytes.
const PAUSE: Duration = Duration::from_secs(2);

/// The hosts' origins.
pub(super) async fn trickling() -> Vec<String> {
    let mut origins = Vec::new();
    for _ in 0..HOSTS {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        origins.push(format!("http://{}", listener.local_addr().expect("an address")));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // It ends when Gatehouse has had enough.
                tokio::spawn(async move {
                    let _ended = trickle(stream).await;
                });
            }
        });
    }
    origins
}

async fn trickle(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = [0; 1024];
    let _length = stream.read(&mut head).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{").await?;
    loop {
        tokio::time::sleep(PAUSE).await;
        stream.write_all(b" ").await?;
    }
}
