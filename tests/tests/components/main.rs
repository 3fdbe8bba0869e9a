//! x
fn x(){}
