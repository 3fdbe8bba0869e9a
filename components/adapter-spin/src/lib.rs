//! adapter-spin
