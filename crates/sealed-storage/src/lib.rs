//! Records that are sealed with the server keys before the store gets them, and opened again.
//!
//! [`sealing`] is the cryptography: which key seals what, and for whom it opens. The others keep records of one subject each
//! with it, over the port of `gatehouse-storage`.

pub mod document_cache;
#[cfg(test)]
mod example;
pub mod kept_by_token;
pub mod renewal_lease;
pub mod sealing;
pub mod subject_index;
