//! What one request must hand to the open stream of another.
