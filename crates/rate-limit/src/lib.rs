//! How often: sliding windows and open streams, counted in the store.
