//! What people see, in a real Chromium that runs no scripts: read in every look, and operated with the keyboard alone.
//! The screenshots are in `target/screenshots/`.

mod chromium;
mod cross_origin;
mod demo;
mod every_page;
mod form_action;
mod inspection;
mod keyboard;
mod remembered;
mod scene;
