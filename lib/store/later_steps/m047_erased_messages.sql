-- Messages to people who were erased keep that they were sent, and none of their words.

DROP TRIGGER messages_keep_their_words;
CREATE TRIGGER messages_keep_their_words BEFORE UPDATE ON outbox
WHEN (NEW.id, NEW.once_key, NEW.kind, NEW.is_test, NEW.link_id) IS NOT (OLD.id, OLD.once_key, OLD.kind, OLD.is_test, OLD.link_id)
    OR (NEW.address, NEW.subject, NEW.body, NEW.url) IS NOT (OLD.address, OLD.subject, OLD.body, OLD.url)
    AND NOT (OLD.state IN ('failed', 'cancelled') AND NEW.state = 'waiting')
    AND NOT (NEW.body = '' AND OLD.state IN ('sent', 'would_send', 'failed', 'cancelled'))
    AND NOT (NEW.body = '' AND EXISTS (SELECT 1 FROM erasures WHERE id IN (OLD.customer, OLD.link_id)))
BEGIN SELECT RAISE(ABORT, 'a message keeps its words'); END;
