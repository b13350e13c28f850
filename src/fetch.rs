//! A bounded HTTP(S) GET for the control runtime: key sets, components. Requests of exchanges do not pass here.
