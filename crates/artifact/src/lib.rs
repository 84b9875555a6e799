//! sonovox-artifact
