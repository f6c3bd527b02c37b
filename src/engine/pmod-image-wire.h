/* What the engine and the program pmod-picture-decoder say to each other. Not for anyone else.
 *
 * The program is called with the number of PmodImageFlags as its one argument and has these
 * descriptors and no other. It writes the pixels first, then the reply, and ends. Whatever comes
 * from it counts as hostile: it may have been taken over by the file that it reads. */
#pragma once

#include "pmod-image.h"

G_BEGIN_DECLS

enum
{
  PMOD_IMAGE_FD_FILE = 0,   /* a sealed memory file: the picture as it is encoded */
  PMOD_IMAGE_FD_PIXELS = 3, /* an empty memory file: to become [height, width, 3] U8 */
  PMOD_IMAGE_FD_REPLY = 4,  /* a pipe: one PmodImageReply */
};

#define PMOD_IMAGE_REPLY_MAGIC 0x70644d01u
#define PMOD_IMAGE_REPLY_DECODED (-1)

/* Errors begin so; the engine puts the file's name there. */
#define PMOD_IMAGE_REPLY_NAME "picture"

typedef struct
{
  guint32 magic;
  gint32 code; /* PMOD_IMAGE_REPLY_DECODED, else a PmodErrorCode */
  gint32 width;
  gint32 height;
  char message[496]; /* where it is an error; ends with a zero byte */
} PmodImageReply;

/* Of the program, set by itself before it reads a byte of the picture. */
#define PMOD_IMAGE_MAX_CPU_S 30
#define PMOD_IMAGE_MAX_MEMORY (G_GINT64_CONSTANT (5) << 30)
#define PMOD_IMAGE_MAX_OUTPUT ((gint64)PMOD_IMAGE_MAX_PIXELS * 3)

G_END_DECLS
