//! sonovox-simulate
