"""The waiting room: a queue before the sale, admitted from in order and at a rate."""
