//! sonovox-downstream
