//! sonovox-model
