//! Who may do what at a route: decides and explains.
