//! `gatehouse:host/peer`: how a platform tells who connects.

use crate::bindings::exports::gatehouse::host::peer::{Guest, Place};
use crate::{Adapter, Platform};

impl<P: Platform + 'static> Guest for Adapter<P> {
    fn told_in() -> Place {
        if P::TELLS_PEER { Place::SpinClientAddr } else { Place::Nothing }
    }
}
