//! sonovox-pretrain
