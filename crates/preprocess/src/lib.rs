//! sonovox-preprocess
