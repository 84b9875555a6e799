//! sonovox-study
