//! State that plugins share over all workers: rate [`Budgets`] and key-value [`Stores`]. In memory, bounded, kept over
//! reloads. Who may use which is decided by `plugin/`.
