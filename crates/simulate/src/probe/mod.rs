//! How the probe is moved: which planes are looked for in which order ([`schedule`]), how each is reached from outside the
//! body ([`aim`]), and the way between them ([`path`]), with search, near misses, small corrections and freezes.

pub mod aim;
pub mod path;
pub mod schedule;

pub use aim::Aim;
pub use path::{Freeze, PlaneVisit, ProbePath};
pub use schedule::Visits;
