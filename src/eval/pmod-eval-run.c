/* Asks the questions: picture by picture, and of each picture all subjects, so that what one left
 * in its context is used again, and so that a run that is stopped can be compared. Not here: what
 * the answers add up to. */
#include "pmod-eval-run-private.h"

#include "pmod-eval-metric.h"

#include <string.h>

#define WANTS (PMOD_TRACE_WANTS (PMOD_RECORD_STAGE) | PMOD_TRACE_WANTS (PMOD_RECORD_ROUTE))

static void
clear_answer (PmodEvalAnswer *answer)
{
  g_free (answer->text);
}

static void
subject_free (PmodEvalSubject *self)
{
  if (self->owns_context)
    pmod_context_free (self->context);
  pmod_params_clear (&self->params);
  g_free (self->name);
  g_array_unref (self->answers);
  pmod_eval_routes_free (self->routes);
  g_byte_array_unref (self->pending);
  g_free (self);
}

PmodEval *
pmod_eval_new (const PmodEvalTask *task, const PmodEvalOptions *options, GError **error)
{
  g_autoptr (PmodEval) self = g_new0 (PmodEval, 1);

  self->task = task;
  self->subjects = g_ptr_array_new_with_free_func ((GDestroyNotify)subject_free);
  self->questions = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_eval_question_free);
  self->ends = g_array_new (FALSE, FALSE, sizeof (int));
  if (task->source == PMOD_EVAL_SOURCE_SCENES)
    self->scenes = pmod_eval_scenes_new (task, options->art, error);
  else
    self->jsonl = pmod_eval_jsonl_new (task, error);
  if (self->scenes == NULL && self->jsonl == NULL)
    return NULL;
  self->n_wanted =
      self->scenes != NULL ? task->count : pmod_eval_jsonl_get_n_pictures (self->jsonl);
  if (options->limit > 0)
    self->n_wanted = MIN (self->n_wanted, options->limit);
  return g_steal_pointer (&self);
}

void
pmod_eval_free (PmodEval *self)
{
  g_ptr_array_unref (self->subjects);
  g_ptr_array_unref (self->questions);
  g_array_unref (self->ends);
  g_clear_pointer (&self->scenes, pmod_eval_scenes_free);
  g_clear_pointer (&self->jsonl, pmod_eval_jsonl_free);
  g_free (self);
}

/* One context a model: its memory is large, and the tower's features serve all its subjects. */
static gboolean
find_context (PmodEval *self, PmodEvalSubject *subject, PmodModel *model, GError **error)
{
  for (guint i = 0; i < self->subjects->len; i++)
    {
      const PmodEvalSubject *other = g_ptr_array_index (self->subjects, i);

      if (pmod_context_get_model (other->context) == model)
        {
          subject->context = other->context;
          return TRUE;
        }
    }
  subject->context = pmod_context_new (model, error);
  subject->owns_context = subject->context != NULL;
  return subject->owns_context;
}

int
pmod_eval_add_subject (
    PmodEval *self, const char *name, PmodModel *model, const PmodParams *params, GError **error)
{
  PmodEvalSubject *subject;

  g_return_val_if_fail (self->n_seen == 0, -1);
  if (self->scenes != NULL && self->subjects->len == 0 &&
      !pmod_eval_scenes_check_size (pmod_model_get_config (model), error))
    return -1;
  subject = g_new0 (PmodEvalSubject, 1);
  subject->name = g_strdup (name);
  pmod_params_copy (&subject->params, params);
  subject->answers = g_array_new (FALSE, FALSE, sizeof (PmodEvalAnswer));
  g_array_set_clear_func (subject->answers, (GDestroyNotify)clear_answer);
  subject->routes = pmod_eval_routes_new ();
  subject->pending = g_byte_array_new ();
  if (!find_context (self, subject, model, error))
    {
      subject_free (subject);
      return -1;
    }
  g_ptr_array_add (self->subjects, subject);
  return (int)self->subjects->len - 1;
}

/* --- One question ----------------------------------------------------------------------------- */

/* "A. a cat\nB. a dog" */
static char *
list_choices (char *const *choices)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; choices != NULL && choices[i] != NULL; i++)
    g_string_append_printf (text, "%s%c. %s", i > 0 ? "\n" : "", 'A' + i, choices[i]);
  return g_string_free (text, FALSE);
}

static char *
make_text (const PmodEvalTask *task, const PmodEvalQuestion *question)
{
  g_autofree char *choices = list_choices (question->choices);
  g_autoptr (GString) text = g_string_new (NULL);

  /* In one pass: what a question holds is never taken for the template's. */
  for (const char *c = task->prompt; *c != '\0';)
    if (g_str_has_prefix (c, "{question}"))
      {
        g_string_append (text, question->question);
        c += strlen ("{question}");
      }
    else if (g_str_has_prefix (c, "{choices}"))
      {
        g_string_append (text, choices);
        c += strlen ("{choices}");
      }
    else
      g_string_append_c (text, *c++);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
go_on (PmodEval *self)
{
  if (!self->is_stopped && self->progress != NULL &&
      !self->progress (self->task->name, (guint64)self->n_seen, (guint64)self->n_wanted,
                       self->user_data))
    self->is_stopped = TRUE;
  return !self->is_stopped;
}

static void
on_record (const PmodRecord *record, gpointer user_data)
{
  PmodEval *self = user_data;

  if (record->type == PMOD_RECORD_ROUTE && self->takes_routes)
    g_byte_array_append (self->subject->pending, (const guint8 *)record, record->size);
  if (record->type == PMOD_RECORD_STAGE && !go_on (self))
    pmod_context_cancel (self->subject->context);
}

static gboolean
on_text (const char *text, gpointer user_data)
{
  return go_on (user_data);
}

static gboolean
ask (PmodEval *self, const PmodEvalQuestion *question, PmodTrace *trace, GError **error)
{
  PmodModel *model = pmod_context_get_model (self->subject->context);
  g_autofree char *text = make_text (self->task, question);
  const PmodTurn turn = { PMOD_ROLE_USER, text };
  const GPtrArray *images = self->picture->images;
  g_autoptr (PmodPrompt) prompt = NULL;
  g_autoptr (PmodAnswer) answer = NULL;
  PmodEvalAnswer entry;

  prompt = pmod_prompt_new_chat (pmod_model_get_tokenizer (model),
                                 pmod_model_get_config (model)->conversation, &turn, 1,
                                 (PmodImage *const *)images->pdata, (int)images->len, error);
  if (prompt != NULL)
    answer = pmod_context_answer (self->subject->context, prompt, &self->subject->params, trace,
                                  on_text, self, error);
  if (answer == NULL)
    {
      g_prefix_error (error, "question \"%s\" about picture %s: ", question->question,
                      question->id);
      return FALSE;
    }
  entry.score = pmod_eval_score (self->task->metric, answer->text->str, question->expected,
                                 question->choices);
  entry.text = g_strdup (answer->text->str);
  g_array_append_val (self->subject->answers, entry);
  return TRUE;
}

/* --- One picture ------------------------------------------------------------------------------ */

static PmodEvalPicture *
get_picture (const PmodEval *self, int index, GError **error)
{
  const PmodEvalSubject *first = g_ptr_array_index (self->subjects, 0);
  const PmodConfig *config = pmod_model_get_config (pmod_context_get_model (first->context));

  if (self->jsonl != NULL)
    return pmod_eval_jsonl_get (self->jsonl, index, error);
  return pmod_eval_scenes_get (self->scenes, config->vision.image_size, index);
}

static gboolean
ask_subject (PmodEval *self, PmodTrace *trace, GError **error)
{
  GPtrArray *questions = self->picture->questions;

  for (guint i = 0; i < questions->len && go_on (self); i++)
    {
      self->takes_routes = i == 0;
      if (!ask (self, g_ptr_array_index (questions, i), trace, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
add_routes (PmodEvalSubject *subject, const PmodEvalPicture *picture, GError **error)
{
  GByteArray *pending = subject->pending;
  const PmodRecord *record;
  gsize offset = 0;

  while (offset < pending->len)
    {
      record = pmod_trace_next (pending->data, pending->len, &offset, error);
      if (record == NULL)
        return FALSE;
      pmod_eval_routes_add (subject->routes, (const PmodRecordRoute *)record, picture);
    }
  return TRUE;
}

/* All subjects have answered: the picture counts. */
static gboolean
keep_picture (PmodEval *self, PmodEvalPicture *picture, GError **error)
{
  int end;

  for (guint i = 0; i < self->subjects->len; i++)
    if (!add_routes (g_ptr_array_index (self->subjects, i), picture, error))
      return FALSE;
  while (picture->questions->len > 0)
    g_ptr_array_add (self->questions, g_ptr_array_steal_index (picture->questions, 0));
  end = (int)self->questions->len;
  g_array_append_val (self->ends, end);
  return TRUE;
}

static gboolean
run_picture (PmodEval *self, PmodTrace *trace, GError **error)
{
  g_autoptr (PmodEvalPicture) picture = get_picture (self, self->n_seen, error);

  if (picture == NULL)
    return FALSE;
  self->picture = picture;
  for (guint i = 0; i < self->subjects->len && !self->is_stopped; i++)
    {
      self->subject = g_ptr_array_index (self->subjects, i);
      g_byte_array_set_size (self->subject->pending, 0);
      if (!ask_subject (self, trace, error))
        return FALSE;
    }
  if (self->is_stopped)
    return TRUE;
  self->n_seen++;
  return picture->questions->len == 0 || keep_picture (self, picture, error);
}

gboolean
pmod_eval_run (PmodEval *self, PmodProgressFunc progress, gpointer user_data, GError **error)
{
  g_autoptr (PmodTrace) trace = pmod_trace_new (WANTS, on_record, self);
  gboolean ok = TRUE;

  g_return_val_if_fail (self->subjects->len > 0 && self->n_seen == 0, FALSE);
  self->progress = progress;
  self->user_data = user_data;
  while (ok && go_on (self) && self->n_seen < self->n_wanted)
    ok = run_picture (self, trace, error);
  self->is_complete = ok && self->n_seen == self->n_wanted;
  /* Of a picture that some have answered and some have not, nothing is left. */
  for (guint i = 0; i < self->subjects->len; i++)
    {
      GArray *answers = ((PmodEvalSubject *)g_ptr_array_index (self->subjects, i))->answers;

      g_array_set_size (answers, MIN (answers->len, self->questions->len));
    }
  return ok;
}

/* --- What can be asked of it ------------------------------------------------------------------ */

int
pmod_eval_get_n_subjects (const PmodEval *self)
{
  return (int)self->subjects->len;
}

const char *
pmod_eval_get_subject_name (const PmodEval *self, int subject)
{
  return ((const PmodEvalSubject *)g_ptr_array_index (self->subjects, (guint)subject))->name;
}

gboolean
pmod_eval_is_complete (const PmodEval *self)
{
  return self->is_complete;
}

int
pmod_eval_get_n_pictures (const PmodEval *self)
{
  return (int)self->ends->len;
}

int
pmod_eval_get_n_seen (const PmodEval *self)
{
  return self->n_seen;
}

int
pmod_eval_get_n_wanted (const PmodEval *self)
{
  return self->n_wanted;
}

int
pmod_eval_get_n_questions (const PmodEval *self)
{
  return (int)self->questions->len;
}

const PmodEvalQuestion *
pmod_eval_get_question (const PmodEval *self, int question)
{
  return g_ptr_array_index (self->questions, (guint)question);
}

const char *
pmod_eval_get_answer (const PmodEval *self, int subject, int question, double *score)
{
  const PmodEvalSubject *who = g_ptr_array_index (self->subjects, (guint)subject);
  const PmodEvalAnswer *answer = &g_array_index (who->answers, PmodEvalAnswer, question);

  if (score != NULL)
    *score = answer->score;
  return answer->text;
}
