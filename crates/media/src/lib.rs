//! sonovox-media
