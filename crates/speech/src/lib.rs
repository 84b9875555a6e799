//! sonovox-speech
