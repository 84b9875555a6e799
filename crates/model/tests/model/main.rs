//! The networks against timm (golden files and the scripts that make them: ../golden), and what no golden file says:
//! sizes, faults, gradients that reach every parameter.

mod efficientnet_lite;
mod encoder_eval;
mod encoder_train;
mod every_parameter_learns;
mod faults;
mod heads;
mod imagenet;
mod method_heads;
mod precision;
mod sizes;
mod support;
mod threads;
mod timm_file;
mod whisper;
