//! What must not be lost: the receiver of Flow.ai webhook calls.
