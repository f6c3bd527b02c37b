/* Pictures with their questions: memory and nothing else. */
#include "pmod-eval-private.h"

PmodEvalPicture *
pmod_eval_picture_new (void)
{
  PmodEvalPicture *self = g_new0 (PmodEvalPicture, 1);

  self->images = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);
  self->questions = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_eval_question_free);
  return self;
}

void
pmod_eval_picture_free (PmodEvalPicture *self)
{
  g_ptr_array_unref (self->images);
  g_free (self->is_object);
  g_ptr_array_unref (self->questions);
  g_free (self);
}

PmodEvalQuestion *
pmod_eval_question_new (const char *id, const char *kind, const char *question, char **expected)
{
  PmodEvalQuestion *self = g_new0 (PmodEvalQuestion, 1);

  self->id = g_strdup (id);
  self->kind = g_strdup (kind);
  self->question = g_strdup (question);
  self->expected = expected;
  return self;
}

void
pmod_eval_question_free (PmodEvalQuestion *self)
{
  g_free (self->id);
  g_free (self->kind);
  g_free (self->question);
  g_strfreev (self->expected);
  g_strfreev (self->choices);
  g_free (self);
}
