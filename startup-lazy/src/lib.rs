//! Parts of a program that load when they are first used.
