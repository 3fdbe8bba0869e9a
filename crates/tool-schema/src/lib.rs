//! What a tool publishes about its arguments: they are validated by it, and headers that mirror them are checked.
