//! The virtual body: what lies where, in millimetres, and what the probe cuts out of it.
//!
//! A [`World`] is one recording's body. Along the slide of the probe (`travel`) it holds groups of structures: the
//! standard planes that will be visited and, between them, what else one meets (limbs, cord, placenta, oblique cuts
//! of head and trunk). Every structure has a length along the travel, so that a plane comes up, opens and closes as
//! the probe slides over it and the frames between two planes need no drawing of their own. It is a stack of flat
//! drawings with depth, not a fetus: the plane cannot be tilted out of the stack.

mod clutter;
mod mother;
mod planes;
pub mod structure;
pub mod subject;
pub mod tissue;
pub mod view;
pub mod world;

pub use planes::{PLANE_NAMES, plane_index};
pub use subject::Subject;
pub use view::View;
pub use world::World;
