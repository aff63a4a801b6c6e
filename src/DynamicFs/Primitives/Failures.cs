using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace DynamicFs.Primitives;

/// <summary>Bad bytes: something stored does not read back as what was written. Says which disk, which object, what was expected and found.</summary>
public sealed class CorruptionException : Exception
{
    public CorruptionException(string disk, string target, string expected, string found)
        : base($"disk {disk}: {target} is corrupt: expected {expected}, found {found}")
        => (Disk, Target, Expected, Found) = (disk, target, expected, found);

    public string Disk { get; }
    public string Target { get; }
    public string Expected { get; }
    public string Found { get; }
}

/// <summary>A call to a disk failed: which disk, what was tried, and the errno it gave.</summary>
public sealed class DiskException : Exception
{
    public DiskException(string disk, string operation, Errno errno)
        : base($"disk {disk}: {operation}: {errno}") => (Disk, Operation, Errno) = (disk, operation, errno);

    public string Disk { get; }
    public string Operation { get; }
    public Errno Errno { get; }
}

/// <summary>
/// An expected failure that an operator or a caller gets to see: stable id (<c>E_...</c>), exit code, errno for the mount, and a text that
/// names what, where, the impact and the next step.
/// </summary>
public sealed class PoolException : Exception
{
    public PoolException(ErrorId id, string message, Exception? inner = null) : base(message, inner) => Id = id;

    public ErrorId Id { get; }
}

/// <summary>An invariant that stays checked in production: a programmer's error stops the operation before it can do damage.</summary>
public static class Invariant
{
    public static void Check([DoesNotReturnIf(false)] bool condition, string what, [CallerArgumentExpression(nameof(condition))] string? expression = null)
    {
        if (!condition)
            Fail(what, expression);
    }

    [DoesNotReturn]
    private static void Fail(string what, string? expression) => throw new InvariantException($"{what} ({expression})");
}

/// <summary>Thrown by <see cref="Invariant.Check"/>; nobody may catch it to go on, the pool turns READ_ONLY.</summary>
public sealed class InvariantException(string message) : Exception(message);
