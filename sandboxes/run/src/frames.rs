//! Frames on the wire: the length in four bytes, big end first, and so many bytes of postcard.

use crate::message::Frame;

/// The bytes of a length.
const HEAD: usize = 4;

/// Why no frame can be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It announces more bytes than are allowed.
    #[error("a frame is larger than is allowed")]
    TooLarge,
    /// Its bytes are no frame of this version.
    #[error("a frame cannot be read")]
    Malformed,
}

/// A frame as it goes over the wire.
///
/// # Errors
/// Where it has 4 GiB or more.
pub fn frame(frame: &Frame) -> Result<Vec<u8>, FrameError> {
    let body = postcard::to_allocvec(frame).map_err(|_error| FrameError::Malformed)?;
    let length = u32::try_from(body.len()).map_err(|_error| FrameError::TooLarge)?;
    Ok([&length.to_be_bytes()[..], &body].concat())
}

/// Reads frames from pieces of a body, wherever those are cut.
#[derive(Debug)]
pub struct FrameReader {
    unread: Vec<u8>,
    most_bytes: usize,
}

impl FrameReader {
    /// A reader that takes frames of at most so many bytes. It never keeps more than one frame and one piece.
    pub fn new(most_bytes: usize) -> Self {
        Self { unread: Vec::new(), most_bytes }
    }

    /// The frames that are whole with this piece.
    ///
    /// # Errors
    /// Where one is too large, or none. Nothing can be read after that.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Frame>, FrameError> {
        self.unread.extend_from_slice(piece);
        let mut frames = Vec::new();
        let mut rest = self.unread.as_slice();
        while let Some((head, after)) = rest.split_first_chunk::<HEAD>() {
            let length = usize::try_from(u32::from_be_bytes(*head)).map_err(|_error| FrameError::TooLarge)?;
            if length > self.most_bytes {
                return Err(FrameError::TooLarge);
            }
            let Some((body, following)) = after.split_at_checked(length) else { break };
            match postcard::take_from_bytes(body) {
                Ok((frame, [])) => frames.push(frame),
                _ => return Err(FrameError::Malformed),
            }
            rest = following;
        }
        // A large frame comes in many pieces: they are not copied anew with each of them.
        let read = self.unread.len() - rest.len();
        self.unread.drain(..read);
        Ok(frames)
    }

    /// Whether a frame has begun and is not whole: at the end of a body, it was cut.
    pub fn is_in_a_frame(&self) -> bool {
        !self.unread.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sandbox_egress::Egress;

    use super::*;
    use crate::message::{File, Limit, Limits, Outcome, Run, Stream};
    use crate::path::TreePath;

    fn frames() -> Vec<Frame> {
        let path = |text| TreePath::parse(text).unwrap();
        vec![
            Frame::Output { stream: Stream::Stdout, bytes: b"45\n".to_vec() },
            Frame::Output { stream: Stream::Stderr, bytes: vec![0xff; 300] },
            Frame::Ended(Outcome {
                exit_code: -1,
                state: vec![1, 2, 3],
                changed: vec![File { path: path("out/a.csv"), contents: b"a,b\n".to_vec() }],
                removed: vec![path("b")],
                limit: Some(Limit::Output),
                notes: vec!["the variable `lock` could not be kept".to_owned()],
            }),
        ]
    }

    #[test]
    fn frames_are_read_wherever_the_body_is_cut() {
        let body: Vec<u8> = frames().iter().flat_map(|one| frame(one).unwrap()).collect();
        for size in 1..body.len() {
            let mut reader = FrameReader::new(1000);
            let read: Vec<Frame> = body.chunks(size).flat_map(|piece| reader.push(piece).unwrap()).collect();
            assert!(read == frames() && !reader.is_in_a_frame(), "pieces of {size}");
        }
    }

    #[test]
    fn a_frame_at_the_limit_is_read_and_one_past_it_is_refused_before_its_bytes_come() {
        let largest = frame(&frames()[1]).unwrap();
        let most = largest.len() - HEAD;
        assert_eq!(FrameReader::new(most).push(&largest).unwrap().len(), 1);
        assert_eq!(FrameReader::new(most - 1).push(&largest[..HEAD]), Err(FrameError::TooLarge));
    }

    #[test]
    fn bytes_behind_a_frame_within_its_length_are_refused() {
        let mut longer = frame(&frames()[0]).unwrap();
        longer.push(0);
        let length = u32::try_from(longer.len() - HEAD).unwrap();
        longer[..HEAD].copy_from_slice(&length.to_be_bytes());
        assert_eq!(FrameReader::new(1000).push(&longer), Err(FrameError::Malformed));
    }

    #[test]
    fn a_path_that_leads_out_of_the_folder_is_no_frame() {
        let mut body = frame(&frames()[2]).unwrap();
        let at = body.windows(9).position(|window| window == b"out/a.csv").unwrap();
        body[at..at + 3].copy_from_slice(b"../");
        assert_eq!(FrameReader::new(1000).push(&body), Err(FrameError::Malformed));
    }

    #[test]
    fn a_run_is_read_as_it_was_written_and_with_nothing_behind_it() {
        let limits = Limits { seconds: 30, output_bytes: 1, file_bytes: 2, files: 3, state_bytes: 4 };
        let file = File { path: TreePath::parse("a").unwrap(), contents: vec![0, 255] };
        let run = Run { code: "echo ü".to_owned(), state: vec![9], files: vec![file], limits, egress: Egress::off() };
        let mut bytes = run.to_bytes().unwrap();
        assert!(Run::from_bytes(&bytes) == Ok(run));
        bytes.push(0);
        assert!(Run::from_bytes(&bytes).is_err() && Run::from_bytes(&[]).is_err());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _frames = FrameReader::new(100).push(&bytes);
            let _run = Run::from_bytes(&bytes);
        }
    }
}
