-- The log is listed by time, and narrowed down by who and what, without reading what is not shown.

CREATE INDEX audit_log_by_at ON audit_log (at DESC, id DESC, actor, action);
