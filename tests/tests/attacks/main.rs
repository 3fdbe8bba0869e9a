//! What attackers do, over HTTP. Each test names its attack, shows that it is refused, and that the store is as it was.

mod sign_in;
