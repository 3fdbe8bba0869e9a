//! Where an answer of HTTP/1.1 ends (RFC 9112, section 6), for who reads bytes and has no time for more.

/// The longest head that is read.
const LONGEST_HEAD: usize = 64 * 1024;

/// Bytes of one answer as they come in.
#[derive(Debug, Default)]
pub(super) struct Reading {
    head: Option<Head>,
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins.
    body: usize,
    length: Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Known(usize),
    Chunked,
}

/// An answer that is all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) status: u16,
    /// Where the body begins.
    pub(super) body: usize,
    /// Where the answer ends.
    pub(super) end: usize,
}

impl Reading {
    /// Looks at all bytes of the answer that have come so far; `None`: more must come.
    ///
    /// # Errors
    /// A text that says why this is no answer that ends.
    pub(super) fn look(&mut self, received: &[u8]) -> Result<Option<Whole>, String> {
        let head = match self.head {
            Some(head) => head,
            None => match head(received)? {
                Some(head) => *self.head.insert(head),
                None => return Ok(None),
            },
        };
        let body = &received[head.body..];
        let length = match head.length {
            Length::Known(length) => (body.len() >= length).then_some(length),
            Length::Chunked => end_of_chunks(body)?,
        };
        Ok(length.map(|length| Whole { status: head.status, body: head.body, end: head.body + length }))
    }
}

fn head(received: &[u8]) -> Result<Option<Head>, String> {
    let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return if received.len() > LONGEST_HEAD { Err("the head does not end".to_owned()) } else { Ok(None) };
    };
    let text = std::str::from_utf8(&received[..end]).map_err(|error| error.to_string())?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let status: u16 = status.ok_or_else(|| format!("no status: {text}"))?;
    let mut length = matches!(status, 204 | 304).then_some(Length::Known(0));
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked") {
            length = Some(Length::Chunked);
        } else if name.eq_ignore_ascii_case("content-length") && length.is_none() {
            length = Some(Length::Known(value.trim().parse().map_err(|_| format!("no length: {value}"))?));
        }
    }
    let length = length.ok_or_else(|| format!("neither a length nor chunks: {text}"))?;
    Ok(Some(Head { status, body: end + 4, length }))
}

/// Where a chunked body ends, if all of it is there.
fn end_of_chunks(body: &[u8]) -> Result<Option<usize>, String> {
    let mut at = 0;
    loop {
        let Some(line) = line_end(&body[at..]) else { return Ok(None) };
        let digits = body[at..at + line].split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok());
        let size = size.ok_or_else(|| format!("no size of a chunk: {}", String::from_utf8_lossy(digits)))?;
        at += line + 2;
        if size == 0 {
            break;
        }
        at += size + 2;
        if at > body.len() {
            return Ok(None);
        }
    }
    // Trailers, and the empty line after them.
    loop {
        let Some(line) = line_end(&body[at..]) else { return Ok(None) };
        at += line + 2;
        if line == 0 {
            return Ok(Some(at));
        }
    }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| pair == b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of an answer that comes byte by byte, followed by the next one.
    fn look(answer: &str) -> Result<Option<Whole>, String> {
        let mut reading = Reading::default();
        for end in 0..answer.len() {
            assert_eq!(reading.look(&answer.as_bytes()[..end])?, None, "after {end} bytes of {answer:?}");
        }
        let with_next = format!("{answer}HTTP/1.1 500 ");
        let alone = reading.look(answer.as_bytes());
        assert_eq!(Reading::default().look(with_next.as_bytes()), alone);
        alone
    }

    #[test]
    fn an_answer_with_a_length_ends_there_and_not_earlier_or_later() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(look(answer), Ok(Some(Whole { status: 200, body: 38, end: 43 })));
        let empty = "HTTP/1.1 401 Unauthorized\r\ncontent-length:0\r\n\r\n";
        assert_eq!(look(empty), Ok(Some(Whole { status: 401, body: empty.len(), end: empty.len() })));
    }

    #[test]
    fn an_answer_in_chunks_ends_behind_its_last_one_whatever_the_chunks_hold() {
        // The end of a chunked body, within a chunk; an extension; a trailer.
        for body in
            ["5\r\nhello\r\n0\r\n\r\n", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "1;a=b\r\nx\r\n0\r\nTrailer: 1\r\n\r\n"]
        {
            let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            let whole = look(&answer).unwrap().unwrap();
            assert_eq!((whole.status, whole.end), (200, answer.len()), "{body:?}");
        }
    }

    #[test]
    fn where_both_are_named_the_chunks_count() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
        assert_eq!(look(answer).unwrap().unwrap().end, answer.len());
    }

    #[test]
    fn an_answer_without_a_body_ends_with_its_head() {
        let answer = "HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(look(answer), Ok(Some(Whole { status: 204, body: answer.len(), end: answer.len() })));
    }

    #[test]
    fn what_is_no_answer_or_never_ends_is_an_error() {
        for wrong in [
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n",
        ] {
            assert!(Reading::default().look(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}
