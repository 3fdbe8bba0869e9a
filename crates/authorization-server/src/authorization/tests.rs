//! Tests by what they are about.

mod binding;
mod judging;

use super::*;
use crate::example::{Form, START, World};

fn bind(query: &Form, world: &World) -> Result<BoundRequest, UnboundRejection> {
    BoundRequest::parse(&query.text(), &world.configuration, &world.keys, &world.store, START)
}
