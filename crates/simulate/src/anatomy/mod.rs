//! The virtual body: what lies where, in millimetres, and what the probe cuts out of it.
//!
//! A [`World`] is one recording's body: a fetus of named solids ([`body`]) in a womb with fluid, placenta and cord, under
//! the mother's wall. A [`View`] is a plane through it, anywhere and at any tilt; [`World::cut`] is what the plane meets. So the frames
//! between two standard planes come by themselves, and so do the planes that are almost right.

pub mod body;
pub mod mother;
pub mod planes;
pub mod shape;
pub mod subject;
pub mod texture;
pub mod tissue;
pub mod view;
pub mod world;

pub use planes::{PLANE_NAMES, Target, plane_index};
pub use subject::Subject;
pub use view::View;
pub use world::World;
