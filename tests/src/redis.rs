//! A question to a Redis, for tests that look at what it holds.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// A connection to it.
pub(crate) struct Redis(BufReader<TcpStream>);

impl Redis {
    pub(crate) async fn connect(port: u16) -> Self {
        Self(BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.expect("a connection to Redis")))
    }

    /// The texts that it answers with: several, or one, or none where it has none. A number is a text here.
    pub(crate) async fn ask(&mut self, words: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend(*word);
            request.extend(b"\r\n");
        }
        self.0.write_all(&request).await.expect("Redis reads");
        let (mut left, mut texts) = (1, Vec::new());
        while left > 0 {
            left -= 1;
            let line = self.line().await;
            let (kind, rest) = line.split_at(1);
            match (kind, rest.parse::<i64>()) {
                ("*", Ok(count)) => left += count.max(0),
                ("$", Ok(length)) if length >= 0 => {
                    let mut text = vec![0; usize::try_from(length).expect("a length") + 2];
                    self.0.read_exact(&mut text).await.expect("a whole text");
                    text.truncate(text.len() - 2);
                    texts.push(text);
                }
                ("$", _) => {}
                ("-", _) => panic!("Redis: {rest}"),
                _ => texts.push(rest.as_bytes().to_vec()),
            }
        }
        texts
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.expect("Redis answers");
        line.trim_end().to_owned()
    }
}
