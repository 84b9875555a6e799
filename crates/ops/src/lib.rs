//! sonovox-ops
