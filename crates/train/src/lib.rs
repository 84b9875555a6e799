//! sonovox-train
